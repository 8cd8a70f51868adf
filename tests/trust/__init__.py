"""What docs/reliability.md promises, by its files.

The same bits:

    test_bits.py                 on any number of threads: every model, layer, optimizer and backend (matrix.py, jolts.py)
    test_every_layer.py          of the serial executor and any number of threads, in each layer; in a resumed training
    test_side_by_side.py         of trainings and predictions at once, in processes, threads and after a fork
    test_cache.py                beside kernel caches that are spoilt, foreign, read-only or of another version

Nothing that was saved is lost:

    test_kills.py                by SIGKILL at any moment (kills.py)
    test_disk.py                 on a disk that is full, read-only or gone
    test_interrupted_engine.py   by an exception anywhere in the engine
    test_interrupted_training.py by an exception anywhere in a training
    test_long_run.py             in long runs: memory, threads and files stay what they are (watched.py)

Numbers that are none are found:

    test_numbers.py              in each layer and direction (wrong_numbers.py)
    test_numbers_elsewhere.py    in weights, pixels, sums and updates
    test_numbers_explosions.py   after a learning rate that explodes
    test_numbers_extremes.py     at the ends of the range

Hostile input is refused:

    test_attacks_files.py        pickles, archives, sizes that lie, bombs
    test_attacks_places.py       links, pipes and names that lead out
    test_attacks_plugins.py      plugins that nobody asked for
    test_attacks_terminal.py     names that command a terminal
    test_attacks_yaml.py         bombs, tags, depth and names to import
    test_fuzzed_files.py         generated files of every format (mutations.py, seeds.py, targets.py)
    test_fuzzed_folders.py       generated folders of images and runs
    test_fuzzed_by_coverage.py   the harnesses of tests/fuzz
    test_watch.py                what the watch over all these must notice (watch.py)

What they share:

    counts.py                    what is counted, for the document's tables
    test_counts.py               and that it gets there
    jolts.py                     threads that are jolted
    kills.py                     a training that is killed again and again
    matrix.py                    what the thread matrix trains
    mutations.py                 generated input that begins as something valid
    processes.py                 tiny trainings in processes of their own
    seeds.py                     small valid files of every format
    small.py                     a small training, and what it must come to
    targets.py                   what is fed with hostile input
    watch.py                     which files, programs and connections Python opens meanwhile
    watched.py                   trainings whose memory, threads and files are watched
    wrong_numbers.py             networks and images to plant wrong numbers in
"""
