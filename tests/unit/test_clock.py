"""The clock: the time of day goes on with elapsed time, whatever the machine's clock is set to."""

import itertools
from datetime import UTC, datetime, timedelta

from watcher.clock import SLEW, STEP, SystemClock

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A machine's two clocks, of which people set one."""

    def __init__(self) -> None:
        self.wall = NOON
        self.elapsed = 1000.0
        self.stops = 0.0

    def read_wall(self) -> datetime:
        return self.wall

    def read_elapsed(self) -> float:
        self.elapsed += self.stops
        return self.elapsed

    def wait(self, seconds: float) -> None:
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds)

    def clock(self) -> SystemClock:
        return SystemClock(wall=self.read_wall, elapsed=self.read_elapsed)


def test_it_shows_the_time_of_day(tmp_path):
    machine = Machine()
    clock = machine.clock()
    machine.wait(90)
    assert clock.now() == NOON + timedelta(seconds=90)
    assert clock.monotonic() == 1090.0
    (tmp_path / "now").touch()
    written = datetime.fromtimestamp((tmp_path / "now").stat().st_mtime, UTC)
    assert abs(SystemClock().now() - written) < timedelta(seconds=1)


def test_it_does_not_jump_before_the_step_is_adopted():
    machine = Machine()
    clock = machine.clock()
    for by in (HOUR, -2 * HOUR):
        machine.wall += by
        machine.wait(1)
        before = clock.now()
        assert clock.follow() == by
        assert clock.now() == before
        clock.adopt(by)
        assert clock.now() == machine.wall
        assert clock.follow() == timedelta(0)


def test_a_small_difference_is_made_up_for_by_and_by():
    machine = Machine()
    clock = machine.clock()
    machine.wall -= timedelta(seconds=1)
    seen = [clock.now()]
    for _ in range(60):
        machine.wait(1)
        assert clock.follow() == timedelta(0)
        seen.append(clock.now())
    assert clock.now() == machine.wall
    assert all(timedelta(seconds=1) - (b - a) <= SLEW for a, b in itertools.pairwise(seen))


def test_what_is_less_than_a_step_is_none():
    machine = Machine()
    clock = machine.clock()
    machine.wall += STEP
    assert clock.follow() == timedelta(0)


def test_a_process_that_is_stopped_while_it_looks_sees_no_step():
    machine = Machine()
    clock = machine.clock()
    machine.stops = 5.0
    assert clock.follow() == timedelta(0)


def test_a_suspension_is_no_step():
    machine = Machine()
    clock = machine.clock()
    machine.wait(180)  # both go on while the machine sleeps
    assert clock.follow() == timedelta(0)
    assert clock.now() == NOON + timedelta(minutes=3)
