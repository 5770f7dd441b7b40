#qs 1	t_ns	kind	proto	client	cport	server	sport	id	qname	qtype	flags	rcode	ttl_s	len
#! point=pod
0	q	u	10.244.1.2	40001	10.96.0.10	53	4711	web.default.svc.cluster.local.	A	256	-	-	47
210000	r	u	10.244.1.2	40001	10.96.0.10	53	4711	web.default.svc.cluster.local.	A	34176	NOERROR	30	92
