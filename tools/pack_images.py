from usfm_mm.commands.pack_images import main

if __name__ == '__main__':
    main()
