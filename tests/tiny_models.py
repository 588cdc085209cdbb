"""Tiny random checkpoints of the true architectures, one folder per family: config, safetensors,
a tokenizer with the family's marks and chat template, and the processors' settings.

A folder is built once and shared: nothing may write into it. Their vocabularies hold the words of
the task as single tokens, so that a few steps of training teach a whole answer.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION, describe_question, ground_question
from spider_cli.vocabulary import HORIZONTAL, LEVELS, NOUNS, SEVERITIES, VERTICAL

HIDDEN = 48
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}
"""An encoder of 56 x 56 pixels."""
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOL_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
PHI_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|image|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def corpus() -> list[str]:
    """What the tokenizers learn their words from."""
    text = [SCORE_QUESTION, describe_question(), ground_question(extreme="most")]
    text += [f"{SCORE_PREFIX} {level}." for level in LEVELS]
    text += [
        f"The region on the {vertical} {horizontal} shows {severity} {noun}. Blur Noise"
        for vertical in VERTICAL
        for horizontal in HORIZONTAL
        for severity in SEVERITIES
        for noun in NOUNS.values()
    ]
    text += ["No region shows it. The whole image shows severe noise and mild blur."] * 20
    return text * 4


def tokenizer(marks: list[str], template: str, **named: Any) -> PreTrainedTokenizerFast:
    """A byte-level BPE; `marks` get the ids from 0 on."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(corpus(), trainer)
    named.setdefault("additional_special_tokens", marks)
    found = PreTrainedTokenizerFast(
        tokenizer_object=made, clean_up_tokenization_spaces=False, **named
    )
    found.chat_template = template
    return found


def text_config(size: int, *, end: int, pad: int) -> dict[str, Any]:
    return {
        "vocab_size": size,
        "hidden_size": HIDDEN,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "bos_token_id": pad,
        "eos_token_id": end,
        "pad_token_id": pad,
    }


def save(model: Any, folder: Path) -> None:
    """As new, a model hardly looks; and with its output layer frozen, as under LoRA, it could never
    be sure of a word."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embed_tokens.weight" not in name:
                parameter.mul_(10 if name == "lm_head.weight" else 2)
    model.save_pretrained(folder)


def amend(folder: Path, file: str, **values: Any) -> None:
    path = folder / file
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(settings | values, indent=2), encoding="utf-8")


def llava(folder: Path) -> None:
    """CLIP and a Llama; its own processor loads without torchvision. Begins with a start mark."""
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    marks = ["<pad>", "<s>", "</s>", "<image>", "<|im_start|>", "<|im_end|>"]
    template = QWEN_TEMPLATE.replace("IMAGE", "<image>\n")
    words = tokenizer(marks, template, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**text_config(len(words), end=2, pad=0)),
        image_token_index=marks.index("<image>"),
    )
    save(LlavaForConditionalGeneration(config), folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}
        ),
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=words.chat_template,
    ).save_pretrained(folder)


def qwen_words() -> PreTrainedTokenizerFast:
    """Of Qwen2-VL and after."""
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
    marks += ["<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
    template = QWEN_TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    return tokenizer(marks, template, eos_token="<|im_end|>", pad_token="<|endoftext|>")


QWEN_IDS = {
    "vision_start_token_id": 3,
    "vision_end_token_id": 4,
    "image_token_id": 6,
    "video_token_id": 7,
}
QWEN_ROPE: dict[str, Any] = {
    "rope_type": "default",
    "rope_theta": 1e4,
    "mrope_section": [2, 2, 2],
}


def save_qwen(
    made: Any, words: PreTrainedTokenizerFast, folder: Path, *, patch: int, most: int, **named: str
) -> None:
    """As the hub has them: `named` are the class of the torchvision kind, and the family's
    processor, which insists on torchvision, for videos. `most`: patches of a photo."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    save(made, folder)
    words.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        patch_size=patch,
        merge_size=2,
        size={"shortest_edge": 16 * patch**2, "longest_edge": most * patch**2},
    ).save_pretrained(folder)
    amend(folder, "preprocessor_config.json", **named)


def qwen2(folder: Path) -> None:
    """Qwen2-VL: its encoder attends to all of a photo."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    words = qwen_words()
    made = Qwen2VLForConditionalGeneration(
        Qwen2VLConfig(
            text_config=text_config(len(words), end=2, pad=0) | {"rope_parameters": QWEN_ROPE},
            vision_config={
                "depth": 2,
                "embed_dim": 32,
                "hidden_size": HIDDEN,
                "mlp_ratio": 2,
                "num_heads": 2,
            },
            **QWEN_IDS,
        )
    )
    save_qwen(
        made,
        words,
        folder,
        patch=14,
        most=64,
        image_processor_type="Qwen2VLImageProcessor",
        processor_class="Qwen2VLProcessor",
    )


def qwen(folder: Path, *, third: bool, most: int = 64) -> None:
    """Qwen3-VL, or else Qwen2.5-VL. `most`: patches of a photo."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
    )

    words = qwen_words()
    text = text_config(len(words), end=2, pad=0)
    vision: dict[str, Any] = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": HIDDEN,
    }
    if third:
        text |= {"head_dim": 12, "rope_parameters": QWEN_ROPE | {"mrope_interleaved": True}}
        vision |= {
            "patch_size": 16,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        }
        made: Any = Qwen3VLForConditionalGeneration(
            Qwen3VLConfig(text_config=text, vision_config=vision, **QWEN_IDS)
        )
    else:
        text |= {"rope_parameters": QWEN_ROPE}
        vision |= {"patch_size": 14, "fullatt_block_indexes": [1], "window_size": 56}
        made = Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=vision, **QWEN_IDS)
        )
    save_qwen(
        made,
        words,
        folder,
        patch=vision["patch_size"],
        most=most,
        image_processor_type="Qwen2VLImageProcessorFast" if third else "Qwen2VLImageProcessor",
        processor_class="Qwen3VLProcessor" if third else "Qwen2_5_VLProcessor",
    )


def smol_words() -> PreTrainedTokenizerFast:
    """Of SmolVLM, first and second."""
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>"]
    marks += ["<end_of_utterance>", "<global-img>"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    return tokenizer(marks, SMOL_TEMPLATE, eos_token="<end_of_utterance>", pad_token="<|im_end|>")


def smol_settings(words: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vision_config": dict(VISION),
        "image_token_id": 4,
        "scale_factor": 2,
        "pad_token_id": 2,
        "text_config": {"model_type": "llama", **text_config(len(words), end=5, pad=2)},
    }


def smolvlm(folder: Path) -> None:
    """The first SmolVLM is an Idefics3: its processor needs no torchvision. Tiles of 56 pixels."""
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import (
        Idefics3ImageProcessorPil,
    )

    words = smol_words()
    save(Idefics3ForConditionalGeneration(Idefics3Config(**smol_settings(words))), folder)
    Idefics3Processor(
        Idefics3ImageProcessorPil(size={"longest_edge": 112}, max_image_size={"longest_edge": 56}),
        words,
        image_seq_len=4,
        chat_template=SMOL_TEMPLATE,
    ).save_pretrained(folder)


def smolvlm2(folder: Path) -> None:
    """SmolVLM2: its processor insists on torchvision and num2words, for videos."""
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    words = smol_words()
    save(SmolVLMForConditionalGeneration(SmolVLMConfig(**smol_settings(words))), folder)
    words.save_pretrained(folder)
    SmolVLMImageProcessorPil(
        size={"longest_edge": 112}, max_image_size={"longest_edge": 56}
    ).save_pretrained(folder)
    amend(
        folder,
        "preprocessor_config.json",
        image_processor_type="SmolVLMImageProcessor",
        processor_class="SmolVLMProcessor",
    )
    (folder / "processor_config.json").write_text(
        json.dumps({"image_seq_len": 4, "processor_class": "SmolVLMProcessor"}), encoding="utf-8"
    )


def internvl(folder: Path) -> None:
    """A Qwen2 behind InternViT; its processor insists on torchvision, for videos."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration, Qwen2Config
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"]
    marks += ["<video>"]
    template = QWEN_TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>\n")
    words = tokenizer(
        marks,
        template,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=None,
        extra_special_tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    )
    made = InternVLForConditionalGeneration(
        InternVLConfig(
            text_config=Qwen2Config(**text_config(len(words), end=2, pad=0)),
            vision_config=dict(VISION),
            image_token_id=5,
            image_seq_length=4,
            tie_word_embeddings=False,
        )
    )
    save(made, folder)
    words.save_pretrained(folder)
    GotOcr2ImageProcessorPil(
        size={"height": 56, "width": 56}, crop_to_patches=True, max_patches=4
    ).save_pretrained(folder)
    amend(
        folder,
        "preprocessor_config.json",
        image_processor_type="GotOcr2ImageProcessorFast",
        processor_class="InternVLProcessor",
    )
    (folder / "processor_config.json").write_text(
        json.dumps({"image_seq_length": 4, "processor_class": "InternVLProcessor"}),
        encoding="utf-8",
    )


def phi(folder: Path) -> None:
    """Phi-4-multimodal, with its audio encoder. Its image processor has no form without
    torchvision; `spider_cli.phi_images` takes its place."""
    from transformers import Phi4MultimodalConfig, Phi4MultimodalForCausalLM

    marks = ["<|endoftext|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|image|>"]
    marks += ["<|audio|>"]
    words = tokenizer(marks, PHI_TEMPLATE, eos_token="<|end|>", pad_token="<|endoftext|>")
    text = text_config(len(words), end=1, pad=0)
    made = Phi4MultimodalForCausalLM(
        Phi4MultimodalConfig(
            **text,
            vision_config={
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 3,
                "num_attention_heads": 2,
                "image_size": 56,
                "crop_size": 56,
                "patch_size": 14,
                "image_token_id": 5,
            },
            audio_config={
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_blocks": 1,
                "num_attention_heads": 2,
                "ext_pw_out_channel": 16,
                "depthwise_separable_out_channel": 16,
                "nemo_conv_channels": 16,
                "feature_layer": -1,
                "audio_token_id": 6,
            },
        )
    )
    # A model that says a mark of its inputs is asked for photos that are not there.
    made.generation_config.suppress_tokens = [5, 6]
    save(made, folder)
    words.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "Phi4MultimodalImageProcessor",
                "processor_class": "Phi4MultimodalProcessor",
                "size": {"height": 56, "width": 56},
                "patch_size": 14,
                "dynamic_hd": 4,
            }
        ),
        encoding="utf-8",
    )


FAMILIES: dict[str, Callable[[Path], None]] = {
    "qwen3_vl": lambda folder: qwen(folder, third=True),
    "qwen2_5_vl": lambda folder: qwen(folder, third=False),
    "qwen2_vl": qwen2,
    "smolvlm": smolvlm,
    "smolvlm2": smolvlm2,
    "internvl": internvl,
    "phi": phi,
}
