"""Patch embedding, transformer blocks and head (Dosovitskiy et al. 2021, arXiv 2010.11929), and the chain of them."""

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain
from ftdd_plugins.architectures.vit import VALUES_PER_WIDTH, ViT

DEVIATION = 0.02
PERCEPTRON = 4
"""Values of a block's inner layer over those of a token."""


class Patches(nn.Module):
    """Images as tokens: a class token if there is one, registers, then a token for each patch with its position."""

    def __init__(self, image: ImageShape, patch: int, values: int, class_token: bool, registers: int) -> None:
        super().__init__()
        count = (image.height // patch) * (image.width // patch)
        self.projection = nn.Conv2d(image.channels, values, patch, stride=patch)
        self.positions = nn.Parameter(torch.randn(count, values) * DEVIATION)
        self.extra = nn.Parameter(torch.randn(int(class_token) + registers, values) * DEVIATION)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Shape (N, C, H, W) to (N, tokens, values)."""
        patches = self.projection(images).flatten(2).transpose(1, 2) + self.positions
        return torch.cat([self.extra.expand(len(images), -1, -1), patches], dim=1)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, values: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(values, 3 * values)
        self.projection = nn.Linear(values, values)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Shape (N, tokens, values), as given."""
        count, length, values = tokens.shape
        parts = self.queries_keys_values(tokens).view(count, length, 3, self.heads, values // self.heads)
        queries, keys, answers = parts.permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(queries, keys, answers)
        projected: torch.Tensor = self.projection(attended.transpose(1, 2).reshape(count, length, values))
        return projected


class Block(nn.Module):
    """Attention and a perceptron, each on normalized tokens, each added to what it was given."""

    def __init__(self, values: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(values, eps=1e-6)
        self.attention = Attention(values, heads)
        self.norm2 = nn.LayerNorm(values, eps=1e-6)
        self.linear1 = nn.Linear(values, PERCEPTRON * values)
        self.linear2 = nn.Linear(PERCEPTRON * values, values)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Shape (N, tokens, values), as given."""
        tokens = tokens + self.dropout(self.attention(self.norm1(tokens)))
        added: torch.Tensor = self.dropout(self.linear2(gelu(self.linear1(self.norm2(tokens)))))
        return tokens + added


class Head(nn.Module):
    """The last normalization, one vector out of all tokens, and a linear map to the classes."""

    def __init__(self, values: int, classes: int, class_token: bool, extra: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(values, eps=1e-6)
        self.linear = nn.Linear(values, classes)
        self.class_token = class_token
        self.extra = extra

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Shape (N, tokens, values) to (N, classes)."""
        tokens = self.norm(tokens)
        logits: torch.Tensor = self.linear(tokens[:, 0] if self.class_token else tokens[:, self.extra :].mean(dim=1))
        return logits


def transformer_chain(architecture: ViT, image: ImageShape, classes: int) -> Chain:
    """Patches, blocks and head."""
    values = VALUES_PER_WIDTH * architecture.width
    class_token, registers = architecture.pooling == "class_token", architecture.registers
    blocks = [Block(values, architecture.heads, architecture.dropout) for _ in range(architecture.depth)]
    patches = Patches(image, architecture.patch, values, class_token, registers)
    head = Head(values, classes, class_token, int(class_token) + registers)
    chain = Chain(zip(architecture.layers(image, classes), [patches, *blocks, head], strict=True))
    for part in chain.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=DEVIATION)
            nn.init.zeros_(part.bias)
    return chain
