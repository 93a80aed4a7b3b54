// libtorch's fused AdamW for `fused.rs`, which `tch` does not bind.
#include <vector>

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>

#include "caught.hpp"

extern "C" {

// Step `step` (from 1) of `count` weights in place.
char* tamis_fused_adamw(
    at::Tensor* const* values, at::Tensor* const* gradients, at::Tensor* const* first,
    at::Tensor* const* second, size_t count, double step, double learning_rate, double beta1,
    double beta2, double weight_decay, double epsilon) {
  return caught([&] {
    const auto list = [count](at::Tensor* const* all) {
      std::vector<at::Tensor> tensors;
      tensors.reserve(count);
      for (size_t at = 0; at < count; ++at) tensors.push_back(*all[at]);
      return tensors;
    };
    if (count == 0) return;
    // The kernel takes memory as it lies.
    auto of_step = list(gradients);
    for (auto& gradient : of_step) gradient = gradient.contiguous();
    for (const auto all : {values, first, second})
      for (size_t at = 0; at < count; ++at)
        TORCH_CHECK(all[at]->is_contiguous(), "a weight or moment lies in pieces");
    const auto options = values[0]->options().dtype(at::kFloat);
    const std::vector<at::Tensor> steps(count, at::full({}, step, options));
    at::_fused_adamw_(
        list(values), of_step, list(first), list(second), {}, steps, learning_rate, beta1,
        beta2, weight_decay, epsilon, /*amsgrad=*/false, /*maximize=*/false);
  });
}

}  // extern "C"
