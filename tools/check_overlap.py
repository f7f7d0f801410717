from usfm_mm.commands.check_overlap import main

if __name__ == '__main__':
    main()
