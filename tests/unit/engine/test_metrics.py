"""Envoy's lines become ours, one by one; what is not ours is left out."""

from moorage.engine.metrics import Measured, series

OF = Measured(
    "t1",
    {"task": "t1"},
    {
        "egress/a~b~80": {"direction": "egress", "target_discovery_name": 'na"me'},
        "ingress-web": {"direction": "ingress"},
    },
)


def test_a_line_keeps_its_value_and_gets_our_name_and_labels() -> None:
    text = 'envoy_http_downstream_rq_xx{envoy_response_code_class="5",envoy_http_conn_manager_prefix="ingress-web"} 7\n'
    ((family, line),) = series(OF, text)
    assert family.name == "moorage_requests_total"
    assert line == 'moorage_requests_total{task="t1",direction="ingress",response_class="5xx"} 7\n'


def test_label_values_are_escaped_and_buckets_keep_their_bound() -> None:
    text = 'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="egress/a~b~80",le="0.5"} 3\n'
    ((_, line),) = series(OF, text)
    assert line == (
        'moorage_request_duration_milliseconds_bucket{task="t1",direction="egress",'
        'target_discovery_name="na\\"me",le="0.5"} 3\n'
    )


def test_what_belongs_to_no_alias_or_is_no_metric_of_ours_is_left_out() -> None:
    text = (
        'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="admin"} 1\n'
        'envoy_cluster_upstream_cx_total{envoy_cluster_name="egress/a~b~80"} 1\n'
        "# TYPE envoy_http_downstream_rq_xx counter\n"
    )
    assert list(series(OF, text)) == []
