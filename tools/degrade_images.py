from usfm_mm.commands.degrade_images import main

if __name__ == '__main__':
    main()
