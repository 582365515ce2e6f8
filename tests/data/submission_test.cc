// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/submission.h"

#include "data/support.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

std::string written(std::string_view task, std::string_view split, std::vector<float> predictions,
                    std::string_view file) {
  const Scratch scratch;
  const auto folder = scratch.folder() / "new" / "folder";
  EXPECT_EQ(write_submission(find_task(task), split, predictions, folder), folder / file);
  return read_file(folder / file);
}

TEST(Submission, ServerNamesAndWords) {
  EXPECT_EQ(written("cola", "test", {1, 0}, "CoLA.tsv"), "index\tprediction\n0\t1\n1\t0\n");
  EXPECT_EQ(written("wnli", "test", {0, 1}, "WNLI.tsv"), "index\tprediction\n0\t0\n1\t1\n");
  EXPECT_EQ(written("rte", "test", {0, 1}, "RTE.tsv"), "index\tprediction\n0\tentailment\n1\tnot_entailment\n");
  EXPECT_EQ(written("mnli", "test", {2}, "MNLI-m.tsv"), "index\tprediction\n0\tcontradiction\n");
  EXPECT_EQ(written("mnli", "test_mismatched", {1}, "MNLI-mm.tsv"), "index\tprediction\n0\tneutral\n");
  EXPECT_EQ(written("mnli", "ax", {0}, "AX.tsv"), "index\tprediction\n0\tentailment\n");
  EXPECT_EQ(written("stsb", "test", {-0.25F, 2.5F, 5.5F}, "STS-B.tsv"),
            "index\tprediction\n0\t0.000000\n1\t2.500000\n2\t5.000000\n");
}

TEST(Submission, Errors) {
  const Scratch scratch;
  const std::vector<float> one{1}, three{3};
  for (const auto& [task, split] : {std::pair("reviews", "dev"), {"cola", "dev"}, {"cola", "tset"}}) {
    const std::string message =
        thrown<UsageError>([&, t = task, s = split] { write_submission(find_task(t), s, one, scratch.folder()); });
    EXPECT_NE(message.find("no submission file"), std::string::npos) << message;
  }
  EXPECT_THROW(write_submission(find_task("cola"), "test", three, scratch.folder()), ContractError);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.folder()));
  scratch.write("file", "");
  EXPECT_NE(thrown<Error>([&] { write_submission(find_task("cola"), "test", one, scratch.folder() / "file"); }), "");
}

}  // namespace
}  // namespace nxm
