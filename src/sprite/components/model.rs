//! Models as Bevy assets.

use std::{ops::Deref, sync::Arc};

use bevy::{
    asset::{AssetLoader, LoadContext, io::Reader},
    prelude::*,
    tasks::futures_lite::AsyncReadExt,
};

use crate::rule::{Model, ModelError, ModelErrorKind};

/// A model, loaded from a `.nca` file or made in code with `NcaModel::from(model)`.
///
/// When the file changes and Bevy watches it (feature `file_watcher`), or the asset is replaced, the sprites of
/// the model go on with their cells if channels, grid and life mask are the same, and else grow anew.
#[derive(Asset, TypePath, Clone, Debug)]
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

/// Loads `.nca` files.
#[derive(Default, TypePath)]
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
        // One more than a model can have, to know that it has too many.
        let mut reader = reader.take(Model::MAX_BYTES + 1);
        reader.read_to_end(&mut bytes).await.map_err(|error| in_file(error.into()))?;
        Model::from_bytes(&bytes).map(NcaModel::from).map_err(in_file)
    }

    fn extensions(&self) -> &[&str] {
        &["nca"]
    }
}
