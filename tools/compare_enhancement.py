from usfm_mm.commands.compare_enhancement import main

if __name__ == '__main__':
    main()
