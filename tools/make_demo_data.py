from usfm_mm.commands.make_demo_data import main

if __name__ == '__main__':
    main()
