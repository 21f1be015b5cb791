"""All files of a web board: its pages, scripts, styles and data."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from tabgenbench_leaderboard.board.headline import headline_sentences
from tabgenbench_leaderboard.board.scaling import find_ceiling
from tabgenbench_leaderboard.pages.partial import partial_sentence
from tabgenbench_leaderboard.pages.reference import environment_blocks
from tabgenbench_leaderboard.web.data_files import data_files
from tabgenbench_leaderboard.web.dataset_page import dataset_page
from tabgenbench_leaderboard.web.generator_page import generator_page
from tabgenbench_leaderboard.web.metric_page import metric_page
from tabgenbench_leaderboard.web.render import html_of
from tabgenbench_leaderboard.web.site import FOLDER, Site, templates

__all__ = ["web_files"]


def web_files(site: Site) -> dict[str, bytes]:
    """Return the content of every file of a web board; the keys are paths in the folder of the board."""
    pages = {"help.html": _help_page(site)}
    pages |= {site.generator_pages[one.label]: generator_page(site, one) for one in site.generators}
    pages |= {site.dataset_pages[one.dataset]: dataset_page(site, one) for one in site.board.datasets}
    pages |= {page: metric_page(site, metric) for metric, page in site.metric_pages.items()}
    content = {name: page.encode() for name, page in pages.items()} | data_files(site) | _assets(site)
    return {"index.html": _index_page(site).encode()} | {f"{FOLDER}/{name}": content[name] for name in sorted(content)}


def _assets(site: Site) -> dict[str, bytes]:
    folder = files("tabgenbench_leaderboard").joinpath("web/assets")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith((".css", ".js"))}


def _index_page(site: Site) -> str:
    board = site.board
    return (
        templates()
        .get_template("index.html")
        .render(
            suite=board.suite,
            home="index.html",
            up=f"{FOLDER}/",
            board=board,
            ceiling=find_ceiling(board.datasets),
            partial=partial_sentence(board),
            sentences=headline_sentences(board),
            generators=[{"label": one.label, "page": site.generator_pages[one.label]} for one in site.generators],
            datasets=[
                {
                    "name": dataset.dataset,
                    "page": site.dataset_pages[dataset.dataset],
                    "facts": site.facts[dataset.dataset].facts,
                }
                for dataset in board.datasets
            ],
            metrics=[
                {"name": name, "page": page, "titles": _titles(site, name)} for name, page in site.metric_pages.items()
            ],
            files=site.files,
            extras=bool(site.extras),
            environment=html_of(environment_blocks(board), ""),
        )
    )


def _titles(site: Site, metric: str) -> list[str]:
    columns = (column for dataset in site.board.datasets for column in dataset.columns)
    return list(dict.fromkeys(column.title for column in columns if column.metric == metric))


def _help_page(site: Site) -> str:
    shared: dict[str, Any] = {"suite": site.board.suite, "home": "../index.html", "up": ""}
    shared["ceiling"] = find_ceiling(site.board.datasets)
    return templates().get_template("help.html").render(**shared)
