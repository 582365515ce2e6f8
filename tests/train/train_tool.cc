// SPDX-License-Identifier: Apache-2.0
// Runs a model directory on one batch and a few optimiser steps, for test_bert_parity.py:
//   nxm_train_tool MODEL JOB.json OUT.safetensors
// JOB: {"ids": [[…]], "type_ids": [[…]], "labels": […], "regression": bool, "steps": n, "lr", "weight_decay", "clip",
// "bf16"}. OUT: "logits", "grad.<name>" of the first step, "losses", and "weight.<name>" after the last.

#include <algorithm>
#include <iostream>
#include <numeric>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/json_fields.h"
#include "nxm/train/device.h"
#include "nxm/train/evaluate.h"
#include "nxm/train/optimizer.h"
#include "nxm/train/weights.h"

namespace {

int run(const std::string& model_dir, const std::string& job_file, const std::string& out_file) {
  using namespace nxm;
  const Json job = parse_json(read_file(job_file), job_file);
  Dataset data;
  for (size_t i = 0; i < job.at("ids").size(); ++i) {
    for (const auto& id : job.at("ids")[i]) data.ids.push_back(id.get<int32_t>());
    for (const auto& type : job.at("type_ids")[i]) data.type_ids.push_back(type.get<int32_t>());
    data.begin.push_back(static_cast<int64_t>(data.ids.size()));
    data.labels.push_back(job.at("labels")[i].get<float>());
  }
  std::vector<int64_t> all(static_cast<size_t>(data.size()));
  std::iota(all.begin(), all.end(), 0);
  const Batch batch = make_batch(data, all);

  const ModelDir directory(model_dir);
  const Compute compute = choose_compute("cpu", job.at("bf16").get<bool>() ? "bf16" : "fp32", 2);
  Bert model(directory.config(), compute.device);
  load_weights(model, directory, 1);
  const BertInput input = to_device(batch, compute.device);

  TensorMap out;
  // In the order the job gave, not the batch's.
  const std::vector<float> logits = dataset_logits(model, data, 3, compute);
  out["logits"] = at::tensor(logits).view({data.size(), -1});
  AdamW optimizer(model.parameters(), {.weight_decay = job.at("weight_decay"), .clip = job.at("clip")});
  std::vector<float> losses, norms;
  for (int64_t step = 0; step < job.at("steps").get<int64_t>(); ++step) {
    at::Tensor loss;
    {
      AutocastScope autocast(compute);
      const at::Tensor y = model.forward(input, false);
      loss = job.at("regression").get<bool>() ? at::mse_loss(y.squeeze(1), input.labels)
                                              : at::cross_entropy_loss(y, input.labels.to(at::kLong));
    }
    torch::autograd::backward({loss}, {});
    if (step == 0) {
      for (const Parameter& p : model.parameters()) {
        const at::Tensor& g = p.tensor.grad();
        out["grad." + p.name] = on_cpu(g.is_sparse() ? g.to_dense() : g).clone();
      }
    }
    losses.push_back(loss.item<float>());
    norms.push_back(static_cast<float>(optimizer.step({.lr = job.at("lr"), .rho = 0, .pull = 0}).gradient_norm));
  }
  out["losses"] = at::tensor(losses);
  out["norms"] = at::tensor(norms);
  for (const Parameter& p : model.parameters()) out["weight." + p.name] = on_cpu(p.tensor);
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : out) tensors.push_back({name, DType::kF32, tensor.sizes().vec(), bytes_of(tensor)});
  write_safetensors(out_file, std::move(tensors));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    return run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
