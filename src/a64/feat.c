/* SPDX-License-Identifier: MIT */
/* Names of the architecture's optional features. */

#include "feat.h"

const char *a64_feature_name(enum a64_feat feat)
{
    static const char *const names[] = {
#define X(name) #name,
        A64_FEATURES(X)
#undef X
    };
    return feat < A64_FEAT_COUNT ? names[feat] : "?";
}
