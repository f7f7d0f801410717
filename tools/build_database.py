from usfm_mm.commands.build_database import main

if __name__ == '__main__':
    main()
