/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The runtime for programs that are not C++: load a model directory, ask it, free it. session.h says more.
   NULL is an error wherever nothing else is said of it, and an error is the function's answer, never a crash. */

#include <stddef.h> /* NOLINT(modernize-deprecated-headers): C */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nxm_session nxm_session; /* NOLINT */

/* A session of `threads` threads (0: all that the process may use), in the precision in which the model is stored, that
   cuts texts to `max_length` tokens (0: 128, or the model's positions if fewer). NULL if that fails; nxm_last_error()
   says why. */
nxm_session* nxm_session_load(const char* folder, int threads, int max_length);
void nxm_session_free(nxm_session* session); /* NULL is nothing to free */

/* Logits for each text; one means regression. 0 on failure. */
size_t nxm_session_outputs(const nxm_session* session);
/* The label of an output; NULL beyond the last. The session's. */
const char* nxm_session_label(const nxm_session* session, size_t output);

/* The logits of one text of `bytes` bytes of UTF-8, or of a pair (without one, `second` is NULL), into `logits`
   (nxm_session_outputs). 0, or -1 on failure; nxm_last_error() says why. May be called from several threads at once. */
int nxm_session_predict(const nxm_session* session, const char* text, size_t bytes, const char* second,
                        size_t second_bytes, float* logits);

/* The calling thread's latest failure; "" if there was none. Valid until its next call. */
const char* nxm_last_error(void);

#ifdef __cplusplus
}
#endif
