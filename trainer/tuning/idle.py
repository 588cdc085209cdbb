"""Modules that never run on a photo, though the model has them: they get no gradient, which
distributed training would wait for."""

from typing import Any

__all__ = ["idle_modules"]

_AFTER = ("post_layernorm", "head", "pooler")
"""Modules of a visual encoder that follow its layers."""


def idle_modules(model: Any) -> tuple[str, ...]:
    """Names of the visual encoder's modules behind the layer whose output is read.

    Such an encoder's layers up to the last but one feed the language model in Llava and Phi: the
    configuration says "feature_layer": -2.
    """
    config = model.config
    vision = getattr(config, "vision_config", None)
    layer = getattr(config, "vision_feature_layer", getattr(vision, "feature_layer", -1))
    if vision is None or not isinstance(layer, int) or layer >= -1:
        return ()
    count = int(vision.num_hidden_layers)
    last = [f"layers.{index}" for index in range(count + layer + 1, count)]
    found = []
    for name, _ in model.named_modules():
        plain = name.removeprefix("base_model.model.")
        if ".modules_to_save.default" in plain or ".original_module" in plain:
            plain = plain.replace(".modules_to_save.default", "").replace(".original_module", "")
        parts = plain.split(".")
        if not {"vision_tower", "vision_model", "img_processor"} & set(parts):
            continue
        if ".".join(parts[-2:]) in last or parts[-1] in _AFTER:
            found.append(plain)
    return tuple(dict.fromkeys(found))
