"""Claims about heat and energy, on trees of files like those below /sys."""

from __future__ import annotations

import sys

import pytest

from benchmarks import energy, environment, heat


def files(root, tree):
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


THERMAL = "sys/class/thermal"


def test_a_machine_without_sensors_says_nothing(tmp_path):
    assert heat.read(tmp_path, "no-such-command") == {}
    assert energy.meter(tmp_path) is None


def test_every_row_asks_the_sensors(monkeypatch):
    monkeypatch.setattr(environment.sensors, "read", lambda: {"temperature_c": {"soc": 48.0}})
    assert environment.heat() == {"temperature_c": {"soc": 48.0}}


def test_temperatures_are_in_degrees_by_the_sensors_names(tmp_path):
    files(tmp_path, {
        f"{THERMAL}/thermal_zone0/temp": "48312\n", f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
        f"{THERMAL}/thermal_zone1/temp": "51000", f"{THERMAL}/thermal_zone1/type": "cpu-thermal",
        f"{THERMAL}/thermal_zone2/temp": "39500",
    })  # fmt: skip
    assert heat.read(tmp_path, "none")["temperature_c"] == {
        "cpu-thermal": 48.312, "cpu-thermal 1": 51.0, "thermal_zone2": 39.5,
    }  # fmt: skip


@pytest.mark.parametrize("said", ["-256000", "", "N/A", "999999"])
def test_a_sensor_that_is_off_or_mad_is_left_out(tmp_path, said):
    files(tmp_path, {f"{THERMAL}/thermal_zone0/temp": said})
    assert heat.read(tmp_path, "none") == {}


@pytest.mark.parametrize(
    ("said", "flags"),
    [("throttled=0x0", []),
     ("throttled=0x50005", ["under-voltage", "throttled", "under-voltage before", "throttled before"]),
     ("throttled=0x80000", ["soft temperature limit before"])],
)  # fmt: skip
def test_the_raspberry_pis_flags_have_names(tmp_path, said, flags):
    command = tmp_path / "vcgencmd"
    command.write_text(f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ['get_throttled']\nprint('{said}')\n")
    command.chmod(0o755)
    assert heat.read(tmp_path, str(command)) == {"throttled": flags}


@pytest.mark.parametrize("body", ["raise SystemExit(1)", "print('VCHI initialization failed')", "print(b'\\xff')"])
def test_a_command_without_its_device_says_nothing(tmp_path, body):
    command = tmp_path / "vcgencmd"
    command.write_text(f"#!{sys.executable}\n{body}\n")
    command.chmod(0o755)
    assert heat.read(tmp_path, str(command)) == {}


def test_the_flags_are_read_from_the_firmwares_file_where_there_is_one(tmp_path):
    files(tmp_path, {"sys/devices/platform/soc/soc:firmware/get_throttled": "4"})
    assert heat.read(tmp_path, "none") == {"throttled": ["throttled"]}


def test_counts_of_throttling_are_added_up(tmp_path):
    files(tmp_path, {
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3",
        "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4",
        "sys/class/hwmon/hwmon2/oc1_event_cnt": "2", "sys/class/hwmon/hwmon2/oc3_event_cnt": "0",
    })  # fmt: skip
    assert heat.read(tmp_path, "none")["throttle_counts"] == {"cores": 7, "oc1": 2, "oc3": 0}


RAPL = "sys/class/powercap/intel-rapl:0"


def package(root, number, joules, **more):
    zone = f"sys/class/powercap/intel-rapl:{number}"
    tree = {f"{zone}/name": f"package-{number}", f"{zone}/energy_uj": str(round(joules * 1e6))}
    return files(root, tree | {f"{zone}/{name}": value for name, value in more.items()})


def test_rapl_counts_packages_and_nothing_twice(tmp_path):
    package(tmp_path, 0, 100)
    package(tmp_path, 1, 50)
    files(
        tmp_path,
        {
            "sys/class/powercap/intel-rapl:0:0/name": "core",
            "sys/class/powercap/intel-rapl:0:0/energy_uj": "1",
            "sys/class/powercap/intel-rapl:2/name": "psys",
            "sys/class/powercap/intel-rapl:2/energy_uj": "1",
        },
    )
    meter = energy.meter(tmp_path)
    assert meter.name == "RAPL package-0, package-1"
    with meter.measured() as spent:
        package(tmp_path, 0, 107.5)
        package(tmp_path, 1, 50.5)
    assert spent.joules == pytest.approx(8.0)


def test_a_rapl_counter_that_begins_anew_is_followed(tmp_path):
    package(tmp_path, 0, 990, max_energy_range_uj=str(1000 * 10**6))
    with energy.meter(tmp_path).measured() as spent:
        package(tmp_path, 0, 5)
    assert spent.joules == pytest.approx(15.0)


def test_a_rapl_counter_that_runs_backwards_without_a_range_gives_no_figure(tmp_path):
    package(tmp_path, 0, 990)
    with energy.meter(tmp_path).measured() as spent:
        package(tmp_path, 0, 5)
    assert spent.joules is None


def test_a_counter_that_goes_away_gives_no_figure(tmp_path):
    package(tmp_path, 0, 1)
    with energy.meter(tmp_path).measured() as spent:
        (tmp_path / RAPL / "energy_uj").unlink()
    assert spent.joules is None


def test_a_rapl_counter_that_only_root_may_read_is_none(tmp_path):
    files(tmp_path, {f"{RAPL}/name": "package-0"})
    assert energy.meter(tmp_path) is None


def test_a_jetsons_rail_of_the_whole_board_is_volts_times_amperes(tmp_path):
    sensor = "sys/class/hwmon/hwmon3"
    files(tmp_path, {
        f"{sensor}/name": "ina3221", f"{sensor}/in1_label": "VDD_CPU", f"{sensor}/in1_input": "5000",
        f"{sensor}/curr1_input": "100", f"{sensor}/in2_label": "VDD_IN", f"{sensor}/in2_input": "5000",
        f"{sensor}/curr2_input": "2000",
    })  # fmt: skip
    meter = energy.meter(tmp_path)
    assert meter.name == "INA VDD_IN"
    with meter.measured() as spent:
        pass
    assert 0 <= spent.joules < 10 * 60  # 10 W, for less than a minute


def test_a_power_reading_is_taken_where_it_is_the_only_one(tmp_path):
    ours, other = "sys/class/hwmon/hwmon0", "sys/class/hwmon/hwmon1"
    files(tmp_path, {f"{ours}/name": "ina219", f"{ours}/power1_input": "4000000"})
    files(tmp_path, {f"{other}/name": "coretemp", f"{other}/power1_input": "1"})
    assert energy.meter(tmp_path).name == "INA ina219 power1"


def test_power_is_summed_up_straight_between_its_readings():
    assert energy.area([(0.0, 4.0), (1.0, 6.0), (3.0, 6.0)]) == pytest.approx(5 + 12)
    assert energy.area([(0.0, 4.0), (1.0, None), (2.0, 4.0)]) is None
    assert energy.area([(0.0, 4.0)]) == 0.0
