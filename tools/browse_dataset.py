from usfm_mm.commands.browse_dataset import main

if __name__ == '__main__':
    main()
