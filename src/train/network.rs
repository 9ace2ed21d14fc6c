//! The weights as a burn module.

use burn::{
    module::{Module, Param, ParamId},
    tensor::{Device, Tensor, TensorData},
};

use crate::rule::{Rule, Weights};

/// The two dense layers of a rule, as trainable parameters.
#[derive(Module, Debug)]
pub struct Network {
    /// `[features, hidden]`
    pub hidden_weight: Param<Tensor<2>>,
    /// `[hidden]`
    pub hidden_bias: Param<Tensor<1>>,
    /// `[hidden, channels]`
    pub output_weight: Param<Tensor<2>>,
    /// `[channels]`
    pub output_bias: Param<Tensor<1>>,
    /// `[forms, hidden]`; `None` for a rule without forms.
    pub form_bias: Option<Param<Tensor<2>>>,
}

impl Network {
    /// Loads weights that fit the rule onto a device. Training needs a device with
    /// [autodiff](Device::autodiff).
    pub fn new(rule: &Rule, weights: &Weights, device: &Device) -> Self {
        // The ids are fixed, so that a restored optimizer record matches its parameters.
        fn param<const D: usize>(id: u64, values: &[f32], shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
            let tensor = Tensor::from_data(TensorData::new(values.to_vec(), shape), device);
            Param::initialized(ParamId::from(id), tensor.set_require_grad(device.is_autodiff()))
        }
        let (features, hidden, channels) = (rule.features(), rule.hidden, rule.channels);
        Self {
            hidden_weight: param(1, &weights.hidden_weight, [features, hidden], device),
            hidden_bias: param(2, &weights.hidden_bias, [hidden], device),
            output_weight: param(3, &weights.output_weight, [hidden, channels], device),
            output_bias: param(4, &weights.output_bias, [channels], device),
            form_bias: match rule.forms.len() {
                0 => None,
                forms => Some(param(5, &weights.form_bias, [forms, hidden], device)),
            },
        }
    }

    /// The initial weights of training. The hidden weights are uniform, with half of the standard deviation
    /// of He et al., 2015. The output weights are zero, so that cells do not change at first
    /// (the article, section "Model"). All biases are zero.
    pub fn initial(rule: &Rule, seed: u64) -> Weights {
        let mut random = fastrand::Rng::with_seed(seed);
        let bound = (1.5 / rule.features() as f32).sqrt();
        Weights {
            hidden_weight: (0..rule.features() * rule.hidden).map(|_| (2.0 * random.f32() - 1.0) * bound).collect(),
            hidden_bias: vec![0.0; rule.hidden],
            output_weight: vec![0.0; rule.hidden * rule.channels],
            output_bias: vec![0.0; rule.channels],
            form_bias: vec![0.0; rule.forms.len() * rule.hidden],
        }
    }

    /// The current weights.
    pub fn weights(&self) -> Weights {
        Weights {
            hidden_weight: values(self.hidden_weight.val()),
            hidden_bias: values(self.hidden_bias.val()),
            output_weight: values(self.output_weight.val()),
            output_bias: values(self.output_bias.val()),
            form_bias: self.form_bias.as_ref().map(|bias| values(bias.val())).unwrap_or_default(),
        }
    }
}

/// The values of a float tensor, row-major.
pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data_as::<f32>().try_into_vec().unwrap_or_else(|error| panic!("a tensor is read as f32: {error}"))
}
