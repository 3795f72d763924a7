import pathlib


def test_bad_settings_are_one_line(ratedist, tmp_path: pathlib.Path) -> None:
    done = ratedist("network-ranks", "digits", "--ranks", "99")
    assert (done.status, len(done.err.splitlines())) == (2, 1)
    assert "ranks must be at most 63, got 99" in done.err
    assert ratedist("network-ranks", "cifar10").status == 2
    assert ratedist("network-ranks").status == 2
    assert list(tmp_path.iterdir()) == []
