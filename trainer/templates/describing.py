"""Questions of tasks 1 and 2: the quality of a photo, and of a part of it."""

from spider_cli import questions

__all__ = ["DESCRIBE", "DESCRIBE_BOX", "DESCRIBE_LABEL", "DESCRIBE_PLACE"]

_ANY_BOX = questions.box_phrase((0, 0, 1, 1), 1, 1)

DESCRIBE: tuple[str, ...] = (
    questions.describe_question(),
    "Describe the distortions in this image and where they are.",
    "What is wrong with this photo?",
    "How good is the quality of this picture, and why?",
    "Which parts of the image are distorted, and how?",
    "Assess the visual quality of the image.",
    "Give a description of this picture's quality.",
    "Go over the photo and tell me what degrades it, and where.",
    "What do you notice about the technical quality of this photo?",
    "Where does this image suffer, and from what?",
    "Report every distortion you can see in the picture, and its place.",
    "Say what is wrong with this picture and in which part.",
    "Comment on the quality of this photograph.",
    "Write a short review of the image's technical quality.",
    "Summarise the visible distortions of this image.",
    "If a photographer asked you about the quality of this shot, what would you answer?",
    "Inspect the photo for distortions and report what you find.",
    "Tell me about the quality of the photo and of its parts.",
    "Look at all parts of the photo: how is their quality?",
    "What would you say about the quality of this shot?",
    "Evaluate this photo's quality and locate its distortions.",
    "How clean is this image? Mention each distortion and its place.",
    "Talk me through the quality of this photo.",
    "What distortions does this picture show, and in which places?",
    "Judge the quality of the image, region by region.",
    "Please describe how this image looks in terms of quality.",
    "Name the distorted areas of this photo and what distorts them.",
    "Give an account of the visible quality of this picture.",
    "What can be seen of distortion in this photo?",
    "Put the quality of this image into words.",
)
"""The whole photo."""

DESCRIBE_PLACE: tuple[str, ...] = (
    questions.describe_region_question("top left").replace("top left", "{place}"),
    "What is the quality of the region on the {place}?",
    "How does the region on the {place} look?",
    "What is wrong with the region on the {place}?",
    "Which distortions affect the region on the {place}?",
    "Assess the quality on the {place} of the image.",
    "Tell me about the quality of the {place} part.",
    "Describe only the {place} of the photo: how is its quality?",
    "Look at the {place} of the picture. How good is it there?",
    "What can you say about the quality on the {place}?",
    "Give a description of the {place} region alone.",
    "How is the quality of the photo on the {place}?",
    "Comment on the technical quality of the area on the {place}.",
    "What do you see on the {place} in terms of quality?",
    "Judge the part of the image on the {place}.",
    "Evaluate the {place} area of this photo.",
    "Focus on the {place} of the image and describe its quality.",
    "What degrades the region on the {place}, and how does it look?",
    "Report on the condition of the region on the {place}.",
    "Leave the rest aside: how good is the photo on the {place}?",
)
"""A quarter or half, by positional words."""

DESCRIBE_BOX: tuple[str, ...] = (
    questions.describe_region_question(_ANY_BOX).replace(_ANY_BOX, "{box}"),
    "What is the quality of the region {box}?",
    "How does the region {box} look?",
    "What is wrong with the region {box}?",
    "Assess the quality of the area {box}.",
    "Tell me about the quality inside {box}.",
    "Describe how the area {box} looks in terms of quality.",
    "What can be said about the quality of the box {box}?",
    "Look only at {box}. How good is the image there?",
    "Give a description of the quality within {box}.",
    "Comment on the technical quality of the region {box}.",
    "Judge the part of the image inside {box}.",
    "Evaluate the region {box} of this photo.",
    "Focus on {box} and describe the quality of that part.",
    "How is the picture quality in the area {box}?",
    "Report on the condition of the region {box}.",
    "What do you notice about the quality of {box}?",
    "Ignore the surroundings: how good is the image in {box}?",
    "Describe the part of the photo within {box} and its quality.",
    "In terms of quality, what do you see inside {box}?",
)
"""A region by its box."""

DESCRIBE_LABEL: tuple[str, ...] = (
    questions.describe_region_question("{label}"),
    "What is the quality of {label}?",
    "Describe how {label} came out in this photo.",
    "What is wrong with {label}?",
    "Assess the quality of {label}.",
    "Tell me about the quality of {label} in this image.",
    "Look only at {label}. What do you notice about the quality?",
    "Give a description of the quality of {label} alone.",
    "Comment on the technical quality of {label}.",
    "Judge the part of the photo that shows {label}.",
    "Evaluate the region of {label}.",
    "Focus on {label} and describe the quality there.",
    "How good is the picture quality of {label}?",
    "Report on the condition of {label}.",
    "What can you say about the quality of {label}?",
    "Ignoring all else, how good is the image of {label}?",
    "Which distortions affect {label}, and how does that look?",
    "What do you see in {label} in terms of quality?",
    "Describe {label}: how is the quality of that region?",
    "Leave the rest aside and assess {label}.",
)
"""A region by what it shows, one or many: no verb may have to agree with it."""
