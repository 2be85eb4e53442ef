# SPDX-License-Identifier: BSL-1.0
"""Has spin look at every state of a model: there is no error, and each mistake that can be planted makes one.

    models.py MODEL.pml PLANTS STATES    how many mistakes there are, and states that a search has at least
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def search(model, folder, *defined):
    """returns: errors, states"""
    def run(*words):
        return subprocess.run(words, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout

    run('spin', '-a', *defined, model)
    run('cc', '-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c')
    said = run('./pan', '-m1000000')
    if 'max search depth too small' in said or 'Search not completed' in said and 'errors: 0' in said:
        sys.exit(f'the search was not complete:\n{said}')
    return [int(re.search(what, said).group(1)) for what in (r'errors: (\d+)', r'(\d+) states, stored')]


def main():
    model, plants, least = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if shutil.which('spin') is None:
        print('spin is not installed')
        sys.exit(SKIPPED)
    kills = '-DKILLS=3' if 'UMACH_FULL' in os.environ else '-DKILLS=2'
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        errors, states = search(model, folder, kills)
        print(f'{os.path.basename(model)}, {kills[2:]}: {states} states, {errors} errors')
        if errors or states < least:
            wrong.append(f'{errors} errors in {states} states')
        for plant in range(1, plants + 1):
            errors, states = search(model, folder, '-DKILLS=2', f'-DPLANT={plant}')
            print(f'mistake {plant}:', f'found after {states} states' if errors else 'not found')
            if not errors:
                wrong.append(f'mistake {plant} was not found')
    sys.exit('; '.join(wrong) or None)


if __name__ == '__main__':
    main()
