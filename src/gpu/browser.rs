//! Asks the browser whether its GPU is a software driver. `wgpu` does not tell: there, every adapter is of type `Other`.

use std::sync::{Arc, OnceLock};

use bevy::prelude::*;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// What the browser says of its GPU, once it has answered.
#[derive(Resource)]
pub(crate) struct BrowserGpu(Arc<OnceLock<bool>>);

impl BrowserGpu {
    /// Asks the browser.
    pub(crate) fn ask() -> Self {
        let this = Self(Arc::default());
        let answer = this.0.clone();
        spawn_local(async move {
            // Without WebGPU there are no compute shaders, and nothing to choose from.
            let is_software = is_software().await.unwrap_or(false);
            answer.get_or_init(|| is_software);
        });
        this
    }

    /// Whether the browser has answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.0.get().is_some()
    }

    /// Whether the GPU is known to be a software driver.
    pub(crate) fn is_software(&self) -> bool {
        self.0.get() == Some(&true)
    }
}

/// Whether the default adapter of WebGPU is a software driver. `None` without an adapter.
///
/// `isFallbackAdapter` has moved from [`GPUAdapter`](https://developer.mozilla.org/en-US/docs/Web/API/GPUAdapter) to
/// [`GPUAdapterInfo`](https://developer.mozilla.org/en-US/docs/Web/API/GPUAdapterInfo). A browser that was told to use
/// its software driver does not call it a fallback.
async fn is_software() -> Option<bool> {
    let gpu = get(&get(&js_sys::global(), "navigator")?, "gpu")?;
    let request: Function = get(&gpu, "requestAdapter")?.dyn_into().ok()?;
    let promise: Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    let adapter = JsFuture::from(promise).await.ok().filter(JsValue::is_object)?;
    let info = get(&adapter, "info");
    let is_fallback = |object: &JsValue| get(object, "isFallbackAdapter").is_some_and(|value| value.is_truthy());
    let architecture = info.as_ref().and_then(|info| get(info, "architecture")?.as_string());
    let is_swiftshader = architecture.is_some_and(|name| name.eq_ignore_ascii_case("swiftshader"));
    Some(is_fallback(&adapter) || info.as_ref().is_some_and(is_fallback) || is_swiftshader)
}

/// A property that is neither undefined nor null.
fn get(object: &JsValue, key: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &key.into()).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}
