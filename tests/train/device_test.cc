// SPDX-License-Identifier: Apache-2.0
// Training away from the CPU, on a device of LibTorch's for outsiders (PrivateUse1) that is made here. Its memory
// cannot be read or written by anybody but its own copies, as a GPU's cannot; an operator that mixes its tensors with
// the CPU's is an error, as with a GPU's; and it computes what the CPU does, by copying there and back.

#include "nxm/train/device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <torch/library.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "nxm/data/reader.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/json_fields.h"
#include "nxm/train/stage.h"
#include "nxm/train/weights.h"
#include "train/finetune_support.h"

namespace nxm {
namespace {

constexpr c10::DeviceType kOther = c10::DeviceType::PrivateUse1;

class OtherMemory final : public c10::Allocator {
  struct Block {
    void* data;
    size_t bytes;
  };

 public:
  c10::DataPtr allocate(size_t bytes) override {
    constexpr size_t kPage = 4096;
    auto* block = new Block{nullptr, (bytes + kPage) / kPage * kPage};
    block->data = mmap(nullptr, block->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(block->data != MAP_FAILED, "out of memory");
    const auto free = [](void* it) {
      const std::unique_ptr<Block> freed(static_cast<Block*>(it));
      munmap(freed->data, freed->bytes);
    };
    return {block->data, block, free, at::Device(kOther, 0)};
  }
  void copy_data(void* /*to*/, const void* /*from*/, size_t /*bytes*/) const override { require(false, "not used"); }

  /// The tensor's memory as one of the CPU's, while this lives.
  class Opened {
   public:
    explicit Opened(const at::Tensor& there) : tensor(there) {
      if (there.is_cpu()) return;
      block_ = static_cast<Block*>(there.storage().data_ptr().get_context());
      if (block_ == nullptr) return;  // of no bytes
      require(mprotect(block_->data, block_->bytes, PROT_READ | PROT_WRITE) == 0, "mprotect");
      tensor = at::from_blob(there.data_ptr(), there.sizes(), there.strides(),
                             there.options().device(at::kCPU).requires_grad(false));
    }
    ~Opened() {
      if (block_ != nullptr) mprotect(block_->data, block_->bytes, PROT_NONE);
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    at::Tensor tensor;

   private:
    Block* block_ = nullptr;
  };
};
OtherMemory g_memory;
const c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout> /*layout*/,
                 std::optional<at::Device> /*device*/, std::optional<bool> /*pin*/,
                 std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &g_memory, kKeys, type.value_or(at::kFloat), format);
}
at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> type,
                         std::optional<at::Layout> /*layout*/, std::optional<at::Device> /*device*/,
                         std::optional<bool> /*pin*/) {
  return at::detail::empty_strided_generic(size, stride, &g_memory, kKeys, type.value_or(at::kFloat));
}
at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool /*non_blocking*/) {
  const OtherMemory::Opened source(from), target(to);
  at::Tensor here = target.tensor;
  here.copy_(source.tensor.is_same(from) ? from : source.tensor.clone());  // both may be one block
  return to;
}
at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (from.sizes() != to.sizes()) {
    const at::Tensor larger = at::empty(from.sizes(), to.options());
    to.unsafeGetTensorImpl()->set_storage_keep_dtype(larger.storage());
    to.unsafeGetTensorImpl()->set_sizes_contiguous(from.sizes());
  }
  return copy_from(from, to, false);
}
void by_the_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto check = [&](const at::Tensor& tensor) {
    if (tensor.defined() && tensor.is_cpu() && tensor.dim() > 0) {
      fail(op.schema().name(), "mixes tensors of two devices");
    }
  };
  for (const c10::IValue& value : torch::jit::last(*stack, op.schema().arguments().size())) {
    if (value.isTensor()) check(value.toTensor());
    if (!value.isTensorList()) continue;
    for (const at::Tensor& tensor : value.toTensorVector()) check(tensor);
  }
  at::native::cpu_fallback(op, stack);
}

/// It has done everything as soon as it is asked to.
struct Guard final : c10::impl::NoOpDeviceGuardImpl<kOther> {
  at::Device exchangeDevice(at::Device /*device*/) const override { return {kOther, 0}; }
  at::Device getDevice() const override { return {kOther, 0}; }
  c10::Stream getStream(at::Device /*device*/) const noexcept override { return kStream; }
  c10::Stream exchangeStream(c10::Stream /*stream*/) const noexcept override { return kStream; }
  void record(void** /*event*/, const c10::Stream& /*stream*/, const c10::DeviceIndex /*device*/,
              const c10::EventFlag /*flag*/) const override {}
  void block(void* /*event*/, const c10::Stream& /*stream*/) const override {}
  bool queryEvent(void* /*event*/) const override { return true; }

 private:
  static inline const c10::Stream kStream{c10::Stream::DEFAULT, at::Device(kOther, 0)};
};

struct Silence final : c10::WarningHandler {  // LibTorch's copying there and back warns of each result it resizes
  void process(const c10::Warning& /*warning*/) override {}
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex /*device*/) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
};

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("_copy_from", copy_from);
  library.impl("_copy_from_and_resize", copy_from_and_resize);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
}
TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<by_the_cpu>());
}

// Every method, every criterion, and a teacher whose hidden states count. permute comes first, while weights are the
// same to the bit: the order that it finds hangs on them. Nothing is trained from alps, whose least squares make 2e-3
// of a difference of 1e-7 in the weights before it.
constexpr const char* kStages = R"(
[[stage]]
method = "permute"
[[stage]]
method = "dense"
name = "dense"
epochs = 1
lr = 1e-3
batch = 8
[[stage]]
method = "oneshot"
criterion = "alps"
[[stage]]
method = "asp"
criterion = "wanda"
epochs = 0.5
batch = 8
[[stage]]
method = "gradual"
epochs = 0.5
batch = 8
[[stage]]
method = "sr-ste"
epochs = 0.5
batch = 8
[[stage]]
method = "admm-unstructured"
epochs = 0.5
batch = 8
every = "2"
[[stage]]
method = "admm"
criterion = "magnitude"
epochs = 1
batch = 8
every = "2"
best = true
teacher = "dense"
hidden = 0.5
attention = 0.5
[[stage]]
method = "masked"
epochs = 0.5
batch = 8
)";

class OtherDevice : public FinetuneTest {
 protected:
  // LibTorch takes a new device only before its first backward pass, and then asks it for random numbers in every test.
  template <typename F>
  static void in_a_process_of_its_own(F body) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto run = [&] {
      static Hooks hooks;
      at::RegisterPrivateUse1HooksInterface(&hooks);
      static Guard guard;
      const c10::impl::DeviceGuardImplRegistrar registrar(kOther, &guard);
      c10::register_privateuse1_backend("other");
      body();
      std::fflush(nullptr);
      _exit(HasFailure() ? 1 : 0);  // without destructors, which LibTorch's own threads might outlive
    };
    EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
  }

  struct Result {
    std::vector<OrderedJson> log;
    TensorMap weights;  // of all stages, on the CPU
  };

  [[nodiscard]] std::string text() const {
    const std::string tiny = test::tiny_recipe();
    return tiny.substr(0, tiny.find("[[stage]]")) + kStages;
  }

  // All stages on `device`; asked to stop after step `stop_at` of each, and then resumed from the checkpoint.
  [[nodiscard]] Result train(at::Device device, const std::string& name, int64_t stop_at = 0) const {
    Silence silence;
    const c10::WarningUtils::WarningHandlerGuard silent(&silence);
    const Recipe recipe = Recipe::parse(text(), folder.path / "recipe.toml", {});
    const ModelDir base(folder.path / "model");
    ModelConfig config = base.config();
    config.labels = recipe.task.labels;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
    config.classifier_dropout = 0;
    const Tokenizer tokenizer = Tokenizer::load(base.folder());
    const Dataset rows = tokenize(read_split(recipe.task, "train", recipe.data), tokenizer, 32),
                  dev = tokenize(read_split(recipe.task, "dev", recipe.data), tokenizer, 32);
    const Compute compute{.device = device};
    ThreadPool pool(1);
    Bert model(config, device);
    const RunFolder run_folder(out(name), recipe, false, false);
    RunLog log(out(name) / "run.jsonl", 0);
    TensorBoardWriter board(out(name) / "runs");
    bool stopped = false;
    FinetuneOptions options;
    options.go_on = [&](int64_t, int64_t step) {
      const bool stop = step == stop_at && !stopped;
      stopped = stopped || stop;
      return !stop;
    };
    nxm::Run run{recipe, run_folder, options, compute, pool, model, log, board};
    Result result;
    RunState state;
    for (; state.stage < static_cast<int64_t>(recipe.stages.size()); ++state.stage) {
      const StageSpec& spec = recipe.stages[static_cast<size_t>(state.stage)];
      load_weights(model, ModelDir(spec.from.empty() ? base.folder() : run_folder.stage(spec.from)), recipe.seed);
      stopped = false;
      Scores scores;
      if (!train_stage(run, state, rows, dev, scores)) {
        state = load_checkpoint(run_folder.path()).value();
        EXPECT_TRUE(train_stage(run, state, rows, dev, scores));
      }
      save_model(model, config, run_folder.stage(spec.name), base.folder());
      for (const Parameter& parameter : model.parameters()) {
        EXPECT_EQ(parameter.tensor.device().type(), device.type()) << parameter.name;
        result.weights[spec.name + " " + parameter.name] = on_cpu(parameter.tensor).clone();
      }
      RunState next;
      next.stage = state.stage;
      next.log_bytes = log.bytes();
      state = std::move(next);
    }
    log.sync();
    std::istringstream lines(read_file(out(name) / "run.jsonl"));
    for (std::string line; std::getline(lines, line);) result.log.push_back(OrderedJson::parse(line));
    return result;
  }

  static void expect_alike(const Result& a, const Result& b) {
    ASSERT_EQ(a.log.size(), b.log.size());
    for (size_t i = 0; i < a.log.size(); ++i) {
      for (const auto& [key, value] : a.log[i].items()) {
        if (!value.is_number()) continue;
        const auto x = value.get<double>(), y = b.log[i].at(key).get<double>();
        EXPECT_NEAR(x, y, 1e-4 * (1 + std::abs(x))) << key << " of " << a.log[i].dump();
      }
    }
    for (const auto& [name, weight] : a.weights) {
      if (name.ends_with("key.bias")) continue;  // its gradient is 0 but for rounding, which AdamW makes steps of
      const at::Tensor& other = b.weights.at(name);
      // A weight that is as good as another may be kept in its place.
      EXPECT_LT((weight - other).norm().item<double>(), 5e-3 * (1 + weight.norm().item<double>())) << name;
    }
  }
};

TEST_F(OtherDevice, EveryMethodGivesWhatTheCpuGives) {
  in_a_process_of_its_own([&] { expect_alike(train(at::kCPU, "cpu"), train(at::Device(kOther, 0), "other")); });
}

TEST_F(OtherDevice, ResumesFromItsCheckpoints) {
  in_a_process_of_its_own(
      [&] { expect_alike(train(at::kCPU, "cpu"), train(at::Device(kOther, 0), "other", /*stop_at=*/3)); });
}

TEST_F(OtherDevice, MixingItWithTheCpuIsAnError) {
  in_a_process_of_its_own([] {
    const at::Tensor here = at::ones({2, 2}), there = at::ones({2, 2}, at::Device(kOther, 0));
    EXPECT_THROW(at::mm(here, there), Error);
    EXPECT_THROW(at::cat({here, there}), Error);
    EXPECT_EQ(at::mm(there, there).to(at::kCPU).sum().item<double>(), 8);
  });
}

}  // namespace
}  // namespace nxm
