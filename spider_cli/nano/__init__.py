"""nano: the small model that ships inside the package, as classes of transformers' own form.

spider imports them directly, which starts faster. Others call `register` first; then
``AutoModelForImageTextToText`` and ``AutoModelForMaskGeneration`` load its folders like any other.
"""

__all__ = ["register"]


def register() -> None:
    """Make transformers' Auto classes know nano's language half and segmenter."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoModelForMaskGeneration

    from spider_cli.nano.configuration import NanoConfig, NanoSegmenterConfig
    from spider_cli.nano.modeling import NanoForConditionalGeneration
    from spider_cli.nano.segmenting import NanoSegmenter

    for config, auto, model in (
        (NanoConfig, AutoModelForImageTextToText, NanoForConditionalGeneration),
        (NanoSegmenterConfig, AutoModelForMaskGeneration, NanoSegmenter),
    ):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        auto.register(config, model, exist_ok=True)
