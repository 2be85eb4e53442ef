# SPDX-License-Identifier: BSL-1.0
"""Every source file stands in the list of its folder, or of one above: none is left out of the build by mistake."""
import os
import re
import sys

import tree


def listed(root, path):
    """Whether a meson.build at or above the file names it, with its ending or (for a list of programs) without."""
    folder = os.path.dirname(path)
    while True:
        lists = os.path.join(root, folder, 'meson.build')
        if os.path.exists(lists):
            name = os.path.relpath(path, folder or '.')
            with open(lists, encoding='utf-8') as text:
                if re.search("'" + re.escape(name[:-4]) + "(\\.cpp)?'", text.read()):
                    return True
        if not folder:
            return False
        folder = os.path.dirname(folder)


def main(root):
    tree.report('lists', [f'{path}: in no list' for path in tree.files(root, ('.cpp',)) if not listed(root, path)])


if __name__ == '__main__':
    main(sys.argv[1])
