from usfm_mm.commands.compare_methods import main

if __name__ == '__main__':
    main()
