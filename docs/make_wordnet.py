"""Write plugins/ftdd_plugins/wordnet/table.json: the nouns of WordNet 3.0 over the classes of image sets.

    python docs/make_wordnet.py /usr/share/wordnet/data.noun

`data.noun` is WordNet's own file (format: wndb(5WN)); Debian's package `wordnet-base` has it. A wnid of ImageNet is `n`
and the noun's eight-digit offset in that file. The table holds the classes of ImageNet-1k, Tiny ImageNet, CIFAR-10 and
CIFAR-100 with all that stands over them; hyponyms are counted in the whole file: information content needs that.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parents[1] / "plugins" / "ftdd_plugins" / "wordnet" / "table.json"

# Each noun was chosen by its gloss among all that share the name, and where two would do, by the class's images:
# "aquarium_fish" is fish (goldfish and cichlids and more), "possum" the American opossum, "television" the receiver,
# "lamp" the piece of furniture, "forest" the land, "bowl" the dish, "keyboard" the computer's; "mushroom" is the
# vegetable, as its group in CIFAR-100 says and as ImageNet-1k has it.
CIFAR_10 = """
    airplane=n02691156 automobile=n02958343 bird=n01503061 cat=n02121620 deer=n02430045 dog=n02084071
    frog=n01639765 horse=n02374451 ship=n04194289 truck=n04490091
"""
CIFAR_100 = """
    apple=n07739125 aquarium_fish=n02512053 baby=n09827683 bear=n02131653 beaver=n02363005 bed=n02818832
    bee=n02206856 beetle=n02164464 bicycle=n02834778 bottle=n02876657 bowl=n02880940 boy=n10285313
    bridge=n02898711 bus=n02924116 butterfly=n02274259 camel=n02437136 can=n02946921 castle=n02980441
    caterpillar=n02309337 cattle=n02402425 chair=n03001627 chimpanzee=n02481823 clock=n03046257 cloud=n09247410
    cockroach=n02233338 couch=n04256520 crab=n01976957 crocodile=n01697178 cup=n03147509 dinosaur=n01699831
    dolphin=n02068974 elephant=n02503517 flatfish=n02657368 forest=n09284015 fox=n02118333 girl=n10084295
    hamster=n02342885 house=n03544360 kangaroo=n01877134 keyboard=n03085013 lamp=n03636649 lawn_mower=n03649909
    leopard=n02128385 lion=n02129165 lizard=n01674464 lobster=n01982650 man=n10287213 maple_tree=n12752205
    motorcycle=n03790512 mountain=n09359803 mouse=n02330245 mushroom=n07734744 oak_tree=n12268246
    orange=n07747607 orchid=n12041446 otter=n02444819 palm_tree=n12582231 pear=n07767847 pickup_truck=n03930630
    pine_tree=n11608250 plain=n09393605 plate=n03959485 poppy=n11900569 porcupine=n02346627 possum=n01874928
    rabbit=n02324045 raccoon=n02508021 ray=n01495701 road=n04096066 rocket=n04099429 rose=n12620196
    sea=n09426788 seal=n02076196 shark=n01482330 shrew=n01891633 skunk=n02445715 skyscraper=n04233124
    snail=n01944390 snake=n01726692 spider=n01772222 squirrel=n02355227 streetcar=n04335435 sunflower=n11978233
    sweet_pepper=n07720615 table=n04379243 tank=n04389033 telephone=n04401088 television=n04405907
    tiger=n02129604 tractor=n04465501 train=n04468005 trout=n02537085 tulip=n12454159 turtle=n01662784
    wardrobe=n04550184 whale=n02062744 willow_tree=n12724942 wolf=n02114100 woman=n10787470 worm=n01922303
"""
TINY_IMAGENET = """
    n01443537 n01629819 n01641577 n01644900 n01698640 n01742172 n01768244 n01770393 n01774384 n01774750
    n01784675 n01855672 n01882714 n01910747 n01917289 n01944390 n01945685 n01950731 n01983481 n01984695
    n02002724 n02056570 n02058221 n02074367 n02085620 n02094433 n02099601 n02099712 n02106662 n02113799
    n02123045 n02123394 n02124075 n02125311 n02129165 n02132136 n02165456 n02190166 n02206856 n02226429
    n02231487 n02233338 n02236044 n02268443 n02279972 n02281406 n02321529 n02364673 n02395406 n02403003
    n02410509 n02415577 n02423022 n02437312 n02480495 n02481823 n02486410 n02504458 n02509815 n02666196
    n02669723 n02699494 n02730930 n02769748 n02788148 n02791270 n02793495 n02795169 n02802426 n02808440
    n02814533 n02814860 n02815834 n02823428 n02837789 n02841315 n02843684 n02883205 n02892201 n02906734
    n02909870 n02917067 n02927161 n02948072 n02950826 n02963159 n02977058 n02988304 n02999410 n03014705
    n03026506 n03042490 n03085013 n03089624 n03100240 n03126707 n03160309 n03179701 n03201208 n03250847
    n03255030 n03355925 n03388043 n03393912 n03400231 n03404251 n03424325 n03444034 n03447447 n03544143
    n03584254 n03599486 n03617480 n03637318 n03649909 n03662601 n03670208 n03706229 n03733131 n03763968
    n03770439 n03796401 n03804744 n03814639 n03837869 n03838899 n03854065 n03891332 n03902125 n03930313
    n03937543 n03970156 n03976657 n03977966 n03980874 n03983396 n03992509 n04008634 n04023962 n04067472
    n04070727 n04074963 n04099969 n04118538 n04133789 n04146614 n04149813 n04179913 n04251144 n04254777
    n04259630 n04265275 n04275548 n04285008 n04311004 n04328186 n04356056 n04366367 n04371430 n04376876
    n04398044 n04399382 n04417672 n04456115 n04465501 n04486054 n04487081 n04501370 n04507155 n04532106
    n04532670 n04540053 n04560804 n04562935 n04596742 n04597913 n06596364 n07579787 n07583066 n07614500
    n07615774 n07695742 n07711569 n07715103 n07720875 n07734744 n07747607 n07749582 n07753592 n07768694
    n07871810 n07873807 n07875152 n07920052 n09193705 n09246464 n09256479 n09332890 n09428293 n12267677
"""


class Noun(NamedTuple):
    """A synset's line: its words as written there, and the wnids right above it."""

    lemmas: list[str]
    hypernyms: list[str]


def read_nouns(path: Path) -> dict[str, Noun]:
    """All nouns by wnid. Instances (`@i`: the Seine) stand under what they are instances of, as kinds (`@`) do."""
    nouns = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.partition(" | ")[0].split()
        words = int(fields[3], 16)
        lemmas = fields[4 : 4 + 2 * words : 2]
        pointers = fields[5 + 2 * words :]
        above = [f"n{pointers[i + 1]}" for i in range(0, len(pointers), 4) if pointers[i] in ("@", "@i")]
        nouns[f"n{fields[0]}"] = Noun(lemmas, above)
    return nouns


def over(wnid: str, nouns: Mapping[str, Noun]) -> set[str]:
    """The noun itself and all over it."""
    found, ahead = set[str](), [wnid]
    while ahead:
        here = ahead.pop()
        if here not in found:
            found.add(here)
            ahead += nouns[here].hypernyms
    return found


def count_hyponyms(nouns: Mapping[str, Noun]) -> dict[str, int]:
    """Distinct nouns under each, at any depth."""
    counts = dict.fromkeys(nouns, 0)
    for wnid in nouns:
        for above in over(wnid, nouns) - {wnid}:
            counts[above] += 1
    return counts


def imagenet_1k() -> list[str]:
    """The 1,000 wnids in the order of labels, from timm."""
    from ftdd_plugins.architectures.torchvision_operators import declare_operators

    declare_operators()
    from timm.data import ImageNetInfo

    return [str(wnid) for wnid in ImageNetInfo("imagenet-1k").label_names()]


def pairs(text: str) -> dict[str, str]:
    """Wnid by class name."""
    return dict(word.split("=") for word in text.split())


def make(nouns: Mapping[str, Noun], imagenet: Iterable[str]) -> dict[str, Any]:
    """The table, as ftdd_plugins.wordnet.nouns reads it."""
    sets = {"cifar_10": pairs(CIFAR_10), "cifar_100": pairs(CIFAR_100)}
    lists = {"imagenet_1k": list(imagenet), "tiny_imagenet": TINY_IMAGENET.split()}
    classes = {wnid for named in (*lists.values(), *(names.values() for names in sets.values())) for wnid in named}
    kept = set[str]().union(*(over(wnid, nouns) for wnid in classes))
    counts = count_hyponyms(nouns)
    synsets = {wnid: [*nouns[wnid], counts[wnid]] for wnid in sorted(kept)}
    return {"nouns": len(nouns), **sets, **lists, "synsets": synsets}


def written(table: Mapping[str, Any]) -> str:
    """The file's text: a line for each synset, so that a difference can be read."""
    lines = {key: json.dumps(value, separators=(",", ":")) for key, value in table.items() if key != "synsets"}
    synsets = {wnid: json.dumps(fields, separators=(",", ":")) for wnid, fields in table["synsets"].items()}
    return f'{{{_members(lines)},\n"synsets":{{{_members(synsets)}}}}}\n'


def _members(values: Mapping[str, str]) -> str:
    return ",".join(f'\n"{key}":{value}' for key, value in values.items())


def main() -> int:
    """Read, make, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_noun", type=Path, metavar="data.noun", help="WordNet 3.0's file of nouns")
    table = make(read_nouns(parser.parse_args().data_noun), imagenet_1k())
    TABLE.write_text(written(table), encoding="utf-8", newline="\n")
    print(f"{TABLE}: {len(table['synsets']):,} synsets, {TABLE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
