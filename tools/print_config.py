from usfm_mm.commands.print_config import main

if __name__ == '__main__':
    main()
