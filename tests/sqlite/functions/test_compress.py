def test_the_last_options_text_is_taken_with_the_settings_of_now() -> None:
    """It is parsed once for many statements, and means what it says on top of what the connection says meanwhile."""
    db = open_apsw()
    value, level = b"some words, " * 40, "SELECT zinfo(zcompress(?, ?)) ->> 'level'"
    for _ in range(2):
        one(db, "SELECT zblob_config('level', 3)")
        assert one(db, level, value, '{"codec": "auto"}') == 3
        assert one(db, level, value, '{"codec": "auto"}') == 3
        one(db, "SELECT zblob_config('level', 7)")
        assert one(db, level, value, '{"codec": "auto"}') == 7
        assert one(db, level, value, '{"level": 2}') == 2
        assert one(db, level, value, '{"level": 4}') == 4
    with pytest.raises(apsw.SQLError, match="level"):
        one(db, level, value, '{"level": 40}')
    assert one(db, level, value, '{"level": 4}') == 4
