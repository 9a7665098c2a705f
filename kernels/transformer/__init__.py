"""Kernels of a transformer encoder, over activations packed feature-major (layout.py)."""

from lsr.kernels.transformer.activation import Activation, activate_reference
from lsr.kernels.transformer.attention import attend, attend_reference
from lsr.kernels.transformer.block_matrix import (
    PackedBlockMatrix,
    multiply_blocks,
    multiply_blocks_reference,
    pack_blocks,
    unpack_blocks,
)
from lsr.kernels.transformer.block_matrix_int8 import (
    PackedInt8BlockMatrix,
    multiply_int8_blocks,
    multiply_int8_blocks_reference,
    pack_int8_blocks,
)
from lsr.kernels.transformer.blocks import block_share
from lsr.kernels.transformer.embeddings import EmbeddingTables, embed, embed_reference
from lsr.kernels.transformer.layer_norm import layer_norm, layer_norm_reference
from lsr.kernels.transformer.layout import TOKEN_LANES, new_activations, padded_tokens
from lsr.kernels.transformer.matrix import (
    PackedMatrix,
    multiply,
    multiply_reference,
    pack_matrix,
    unpack_matrix,
)
from lsr.kernels.transformer.matrix_int8 import (
    ExpectedInputs,
    PackedInt8Matrix,
    multiply_int8,
    multiply_int8_reference,
    pack_int8,
)
from lsr.kernels.transformer.quantization import (
    QuantizedActivations,
    new_quantized,
    quantize,
    quantize_reference,
)
from lsr.kernels.transformer.sparse_rows import ActiveTerms
from lsr.kernels.transformer.vocabulary_filter import VocabularyFilter, pack_filter
from lsr.kernels.transformer.vocabulary_head import (
    PackedHead,
    active_among,
    active_terms,
    active_terms_reference,
    pack_head,
)

__all__ = [
    "TOKEN_LANES",
    "Activation",
    "ActiveTerms",
    "EmbeddingTables",
    "ExpectedInputs",
    "PackedBlockMatrix",
    "PackedHead",
    "PackedInt8BlockMatrix",
    "PackedInt8Matrix",
    "PackedMatrix",
    "QuantizedActivations",
    "VocabularyFilter",
    "activate_reference",
    "active_among",
    "active_terms",
    "active_terms_reference",
    "attend",
    "attend_reference",
    "block_share",
    "embed",
    "embed_reference",
    "layer_norm",
    "layer_norm_reference",
    "multiply",
    "multiply_blocks",
    "multiply_blocks_reference",
    "multiply_int8",
    "multiply_int8_blocks",
    "multiply_int8_blocks_reference",
    "multiply_int8_reference",
    "multiply_reference",
    "new_activations",
    "new_quantized",
    "pack_blocks",
    "pack_filter",
    "pack_head",
    "pack_int8",
    "pack_int8_blocks",
    "pack_matrix",
    "padded_tokens",
    "quantize",
    "quantize_reference",
    "unpack_blocks",
    "unpack_matrix",
]
