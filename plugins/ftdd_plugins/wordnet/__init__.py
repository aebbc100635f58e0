"""How near image classes are by meaning: the nouns of WordNet 3.0 over ImageNet's and CIFAR's classes.

`nouns` has the functions; docs/make_wordnet.py makes `table.json` from WordNet, under the terms of LICENSE.wordnet.
"""
