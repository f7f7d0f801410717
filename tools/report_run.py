from usfm_mm.commands.report_run import main

if __name__ == '__main__':
    main()
