from usfm_mm.__main__ import run

if __name__ == '__main__':
    run('learn_scanners')
