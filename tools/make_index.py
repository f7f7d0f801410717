from usfm_mm.commands.make_index import main

if __name__ == '__main__':
    main()
