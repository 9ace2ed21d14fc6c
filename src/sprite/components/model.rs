//! Models as Bevy assets.

use std::{ops::Deref, sync::Arc};

use bevy::{
    asset::{AssetLoader, LoadContext, ReflectAsset, io::Reader},
    prelude::*,
    tasks::futures_lite::AsyncReadExt,
};

use crate::rule::{Model, ModelError, ModelErrorKind};

/// A model, loaded from a `.nca` file or created with `NcaModel::from(model)`.
///
/// The asset may be replaced, or its file may change while Bevy watches it (feature `file_watcher`). If channels, grid
/// and life mask are the same, the sprites of the model keep their cells. Otherwise they grow again.
#[derive(Asset, Reflect, Clone, Debug)]
#[reflect(opaque)]
#[reflect(Asset, Clone, Debug)]
#[type_path = "bevy_nca"]
pub struct NcaModel(pub(crate) Arc<Model>);

impl From<Model> for NcaModel {
    fn from(model: Model) -> Self {
        Self(Arc::new(model))
    }
}

impl Deref for NcaModel {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.0
    }
}

/// Loads `.nca` files. An invalid file gives a [`ModelError`].
#[derive(Default, TypePath)]
#[type_path = "bevy_nca"]
pub struct NcaModelLoader;

impl AssetLoader for NcaModelLoader {
    type Asset = NcaModel;
    type Settings = ();
    type Error = ModelError;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        (): &(),
        context: &mut LoadContext<'_>,
    ) -> Result<NcaModel, ModelError> {
        let in_file = |kind: ModelErrorKind| kind.in_file(context.path().path());
        let mut bytes = Vec::new();
        // One byte more than the maximum shows that a file is too large.
        let mut reader = reader.take(Model::MAX_BYTES + 1);
        reader.read_to_end(&mut bytes).await.map_err(|error| in_file(error.into()))?;
        Model::from_bytes(&bytes).map(NcaModel::from).map_err(in_file)
    }

    fn extensions(&self) -> &[&str] {
        &["nca"]
    }
}
