"""Speed and memory: of the model beside MMDetection's, of large pools, and of each GPU option."""
