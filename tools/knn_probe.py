from usfm_mm.commands.knn_probe import main

if __name__ == '__main__':
    main()
