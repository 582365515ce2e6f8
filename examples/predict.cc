// SPDX-License-Identifier: Apache-2.0
// Labels for the lines of standard input: predict MODEL_FOLDER < texts. Build: see tests/package/CMakeLists.txt.

#include <nxm/infer/session.h>

#include <exception>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: predict MODEL_FOLDER\n", 2;
  try {
    const nxm::Session session = nxm::Session::load(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
      const nxm::Prediction answer = session.predict(line);
      std::cout << answer.label << '\t' << answer.score << '\n';
    }
  } catch (const std::exception& error) {
    return std::cerr << error.what() << '\n', 1;
  }
}
