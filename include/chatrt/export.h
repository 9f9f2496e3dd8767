// CHATRT_EXPORT marks what the shared libraries show; everything else is hidden.
#pragma once

#define CHATRT_EXPORT __attribute__((visibility("default")))
