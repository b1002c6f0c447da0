"""What the build adds to the pages in `docs`: atlas, reference, pictures, formulas, a font."""

import re
from pathlib import Path

import formulas
from atlas import contents
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = contents.pages()

# Drawings that take the colours of the page must stand in it.
_DRAWINGS = {page.uri: str(page.content) for page in PAGES if page.uri.endswith(".svg")}
_IMAGE = re.compile(r'<img alt="[^"]*" src="([^"]+\.svg)" ?/?>')
_SESSION = re.compile(r"^```python\n(?=>>> )", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are written, and the guides, where the navigation has only their names."""
    trees = contents.navigation(PAGES)
    full = [{name: trees.get(str(value), value) for name, value in item.items()} for item in config.nav or []]
    config.nav = [item for item in full if all(item.values())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are written."""
    for page in PAGES:
        files.append(File.generated(config, page.uri, content=page.content))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Tell examples with outputs from plain Python: outputs have no colours, and only the code is copied."""
    return _SESSION.sub("```pycon\n", markdown)


def on_page_content(content: str, **_: object) -> str:
    """Turn formulas into MathML, and draw the drawings."""
    content = _IMAGE.sub(lambda match: _DRAWINGS.get(match[1], match[0]), content)
    return formulas.to_mathml(content)


def on_post_build(config: MkDocsConfig) -> None:
    """Lay the font beside the pages."""
    target = Path(config.site_dir) / formulas.FONT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(formulas.font())
