"""Decoders: how causal language models, made to write text, weigh the terms of one.

Which formula is data (`weighting`); what a model reads is made of a text per example (`glued_text`,
`chat_prompt`); what it says of that becomes weights in `heads` and `prompt_head`.
"""
