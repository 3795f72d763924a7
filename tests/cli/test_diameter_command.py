import pathlib


def test_bad_settings_are_one_line(ratedist, tmp_path: pathlib.Path) -> None:
    done = ratedist("diameter", "--clusters", "99")
    assert done.status == 2
    assert "clusters must be at most d = 50, got 99" in done.err
    assert list(tmp_path.iterdir()) == []
