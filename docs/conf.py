"""Settings of the documentation site: ``make docs``."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import usfm_mm  # noqa: E402

project = 'usfm_mm'
author = 'The usfm_mm authors'
release = usfm_mm.__version__
extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
    'extension',
]
source_suffix = {'.md': 'markdown'}
exclude_patterns = ['extension']
smartquotes = False  # options begin with two hyphens

# Pages are GitHub's Markdown: headings are linked to as there.
myst_heading_anchors = 4
myst_enable_extensions = ['strikethrough']
suppress_warnings = ['myst.strikethrough']

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_typehints_format = 'short'
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True

html_theme = 'furo'
html_title = f'usfm_mm {release}'
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    'light_css_variables': {'color-brand-primary': '#0b6e8a', 'color-brand-content': '#0b6e8a'},
    'dark_css_variables': {'color-brand-primary': '#5cc3dd', 'color-brand-content': '#5cc3dd'},
}
copybutton_exclude = '.linenos, .gp, .go'
