"""Sentence shapes of answers, the usual one first.

Blanks: `{place}` is a region's place, always "the top left"; `{list}` what is wrong ("severe noise
and mild blur"), `{List}` the same with a capital; `{long}` the same with effects; `{label}` what
the region shows; `{s}` and `{is}` agree with the list. No shape may hold a word that is read as a
distortion, a place, or, but for those of the clean, as a denial.
"""

__all__ = [
    "ABSENT",
    "CLEAN_IMAGE",
    "CLEAN_REGION",
    "CLEAN_SHORT",
    "FAMILY",
    "LABELLED_LOCAL",
    "LABELLED_REGION",
    "LEAST",
    "LOCAL",
    "MOST",
    "ORDER",
    "REGION",
    "REST",
    "WHOLE",
]

WHOLE = (
    "The whole image shows {list}.",
    "The entire image shows {list}.",
    "All of the image suffers from {list}.",
    "The image as a whole is degraded by {list}.",
    "Throughout the image there {is} {list}.",
    "{List} affect{s} the whole image.",
)
"""All of the photo is meant: each says so in a way that `reading.says_whole` reads."""
REGION = (
    "The region on {place} shows {list}.",
    "The region on {place} has {list}.",
    "On {place} there {is} {list}.",
    "The area on {place} suffers from {list}.",
    "The region on {place} is degraded by {list}.",
    "{List} affect{s} the region on {place}.",
)
"""One region of a description."""
LABELLED_REGION = (
    "The region on {place}, {label}, shows {list}.",
    "The quality of {label} on {place} suffers from {list}.",
    "{List} affect{s} {label} on {place}.",
)
"""The same, where it is known what the region shows."""
REST = (
    "The rest of the image is clean.",
    "The rest of the image shows no visible distortion.",
    "Elsewhere the image is clean.",
    "The remaining parts are clean.",
    "No other part of the image is distorted.",
)
CLEAN_IMAGE = (
    "The image shows no visible distortion.",
    "The image is clean.",
    "No distortion is visible in this image.",
    "The photo is free of visible distortion.",
    "Nothing is wrong with this image.",
    "This picture shows no visible flaw.",
    "There is no visible distortion in this photo.",
    "The image is clean, without any visible distortion.",
)
LOCAL = (
    "This region shows {long}.",
    "The region suffers from {long}.",
    "In this region there {is} {long}.",
    "Here the photo shows {long}.",
    "This part of the image is degraded by {long}.",
)
"""A region that the question has named."""
LABELLED_LOCAL = (
    "The quality of {label} suffers from {long}.",
    "What degrades {label} {is} {long}.",
)
CLEAN_REGION = (
    "This region shows no visible distortion.",
    "This region is clean.",
    "No distortion is visible in this region.",
    "Nothing is wrong with this region.",
    "There is no visible distortion here.",
    "The region is clean, without any visible distortion.",
)
CLEAN_SHORT = (
    "no visible distortion",
    "no distortion",
    "none",
    "clean, no visible distortion",
)

MOST = (
    "The region on {place} shows the most severe degradation: {list}.",
    "The most severe degradation is on {place}: {list}.",
    "The region on {place} is degraded the most, by {list}.",
    "On {place} the quality suffers the most, from {list}.",
    "It is the region on {place}, with {list}.",
    "{List} degrade{s} the region on {place} the most.",
)
"""HyD-G, the most."""
LEAST = (
    "The region on {place} shows the least severe degradation: {list}.",
    "The least severe degradation is on {place}: {list}.",
    "The region on {place} is degraded the least, by {list}.",
    "On {place} the quality suffers the least, from {list}.",
    "It is the region on {place}, with {list}.",
    "{List} degrade{s} the region on {place} the least.",
)
"""HyD-G, the least."""
FAMILY = (
    "The region on {place} shows {list}.",
    "On {place} there is {list}.",
    "The region on {place} has {list}.",
    "It is the region on {place}, with {list}.",
    "{List} is found on {place}.",
    "The answer is the region on {place}: it shows {list}.",
)
"""SiD-G: the list is the one distortion asked about."""
ORDER = (
    "The region on {place} shows {first}, then {second}.",
    "On {place} there is {first}, then {second}.",
    "The region on {place} shows {first} and then {second}.",
    "The region on {place} shows {first} followed by {second}.",
    "It is the region on {place}, with {first}, then {second}.",
    "On {place}, {first} came first and {second} after it.",
)
"""DAO-G."""
ABSENT = (
    "No region shows {what}.",
    "No part of the image shows {what}.",
    "There is no region with {what}.",
    "The image has no region with {what}.",
)
"""What a grounding question asks for is nowhere."""
