/* SPDX-License-Identifier: Apache-2.0 */
/* c_consumer MODEL_FOLDER TEXT: label and logits, through the C interface. */
#include <nxm/infer/nxm.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  float logits[16];
  size_t i;
  if (argc != 3) return 2;
  if (nxm_session_load("no such folder", 1, 0) != NULL || strlen(nxm_last_error()) == 0) return 3;
  nxm_session* session = nxm_session_load(argv[1], 1, 0);
  if (session == NULL) return fprintf(stderr, "%s\n", nxm_last_error()), 1;
  if (nxm_session_outputs(session) > 16 || nxm_session_label(session, 99) != NULL) return 4;
  if (nxm_session_predict(session, argv[2], strlen(argv[2]), NULL, 0, logits) != 0) return 5;
  for (i = 0; i < nxm_session_outputs(session); ++i) {
    printf("%s\t%.6f\n", nxm_session_label(session, i), (double)logits[i]);
  }
  nxm_session_free(session);
  return 0;
}
