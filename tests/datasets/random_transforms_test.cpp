#include <doctest/doctest.h>

#include "tests/datasets/augment_cases.h"

namespace dl::test {
TEST_CASE("random transforms change from sample to sample and epoch to epoch, and repeat") {
  const Picture picture = noise(2, 20, 20, 3);
  for (const Transforms& list :
       {Transforms{typed("random_resized_crop", {{"size", "12"}})},
        Transforms{typed("color_jitter", {{"brightness", "0.4"}, {"hue", "0.2"}})},
        Transforms{typed("random_erasing", {{"p", "1"}})}}) {
    const Pipeline pipeline(encoded(3, 20, 20), list);
    CHECK(pipeline.random());
    CHECK_FALSE(pipeline.mixes());
    const auto first = apply(pipeline, picture, 5, 2);
    CHECK(apply(pipeline, picture, 5, 2) == first);
    CHECK(apply(pipeline, picture, 6, 2) != first);
    CHECK(apply(pipeline, picture, 5, 3) != first);
  }
}

TEST_CASE("random transforms that are wrong, or stand in a wrong place, are refused") {
  const auto normalize = typed("normalize", {{"mean", "0"}, {"std", "1"}});
  const auto erasing = typed("random_erasing"), jitter = typed("color_jitter", {{"hue", "0.1"}});
  const auto crop = typed("random_resized_crop", {{"size", "4"}});
  const DataSpec spec = encoded(3, 8, 8);
  CHECK(message_of(spec, {normalize, crop}) ==
        "error: random_resized_crop: must stand before normalize and random_erasing");
  CHECK(message_of(spec, {normalize, jitter}) ==
        "error: color_jitter: must stand before normalize and random_erasing");
  for (const auto& later : {normalize, typed("random_flip"), typed("center_crop", {{"size", "4"}}),
                            typed("random_crop")})
    CHECK(message_of(spec, {erasing, later}) ==
          "error: " + later.type + ": must stand before random_erasing");
  CHECK(message_of(spec, {jitter, typed("resize", {{"size", "4"}})}) ==
        "error: resize: must stand before all others that change a picture");
  CHECK(message_of(encoded(2, 8, 8), {jitter}) ==
        "error: color_jitter: the pictures have 2 channels, neither 1 (grey) nor 3 (red, green, "
        "blue)");
  CHECK(message_of(spec, {typed("random_erasing", {{"value", "[1, 2]"}})}) ==
        "error: random_erasing: value has 2 values for 3 channels");
  CHECK(message_of(spec, {typed("random_erasing", {{"value", "noise"}})}) ==
        "error: random_erasing: value: expected a number, one for each channel, or random, found "
        "'noise'");
  CHECK(message_of(spec, {typed("random_erasing", {{"scale", "[0.5, 0.1]"}})}) ==
        "error: random_erasing: scale: begins at 0.5 and ends below, at 0.1");
  CHECK(message_of(spec, {typed("random_resized_crop", {{"size", "4"}, {"ratio", "1"}})}) ==
        "error: random_resized_crop: ratio: expected [min, max], found '1'");
  CHECK(message_of(spec, {typed("random_resized_crop", {{"size", "4"}, {"scale", "[0, 1]"}})}) ==
        "error: random_resized_crop: scale: is 0, must be above 0 and at most 1");
  CHECK(message_of(spec, {typed("color_jitter", {{"brightness", "-0.1"}})}) ==
        "error: color_jitter: brightness: is -0.1, must be at least 0");
  CHECK(message_of(spec, {typed("color_jitter", {{"hue", "[-0.6, 0.1]"}})}) ==
        "error: color_jitter: hue: is -0.6, must be at least -0.5 and at most 0.5");
  CHECK(message_of(spec, {typed("color_jitter", {{"hue", "0.6"}})}) ==
        "error: color_jitter: hue: is 0.6, must be at least 0 and at most 0.5");
  const DataSpec floats{.inputs = {{"image", DataType::f32, {3, 8, 8}}}, .targets = {}};
  CHECK(message_of(floats, {jitter}) ==
        "error: color_jitter: the samples are no pictures of bytes");
  CHECK(message_of(floats, {crop}) ==
        "error: random_resized_crop: the samples are no pictures of bytes");
  CHECK(message_of(floats, {erasing}) == "nothing was thrown");
}

TEST_CASE("where nothing may be random, everything that is gets refused") {
  const std::string tail =
      ": is random, and evaluation is not\n  hint: it belongs under transforms.train";
  for (const auto& entry :
       {typed("random_crop"), typed("random_flip"), typed("color_jitter", {{"hue", "0.1"}}),
        typed("random_erasing"), typed("random_resized_crop", {{"size", "4"}}), typed("mixup"),
        typed("cutmix")})
    CHECK(message_of(encoded(3, 8, 8), {entry}, Randomness::refused) ==
          "error: " + entry.type + tail);
  CHECK(message_of(encoded(3, 8, 8), {typed("center_crop", {{"size", "4"}})},
                   Randomness::refused) == "nothing was thrown");
}

}  // namespace dl::test
