"""The engine of a worker process: claims due runs under a lease, carries them out, writes what came of them.

django-q2 feeds each worker endless slices of a second (slices.py); between them nothing is lost, since the Run
row is queue and truth.
"""
